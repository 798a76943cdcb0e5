"""Drives the FastAPI app as its users do: page, WebSocket, upload, event stream.

Usage: drive_fastapi.py BASE_URL. Prints one line for each thing that worked; exits 1 at the first
that does not.
"""

import asyncio
import hashlib
import sys
import time

import httpx
import websockets


def check(name: str, held: bool, saw: object) -> None:
    if not held:
        sys.exit(f"{name}: saw {saw!r}")
    print(f"{name}: ok", flush=True)


def page(base: str) -> None:
    answer = httpx.get(base + "/")
    host = base.removeprefix("http://")
    check("page", answer.status_code == 200 and f"FastAPI at {host}" in answer.text, answer.text)


def upload(base: str) -> None:
    content = bytes(range(256)) * 12_288  # 3 MiB
    answer = httpx.post(base + "/upload", files={"file": ("data.bin", content)}, timeout=30)
    expected = {"length": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    check("upload", answer.status_code == 200 and answer.json() == expected, answer.text)

    def chunks():
        # The same form again, sent without a length.
        request = httpx.Request("POST", base, files={"file": ("data.bin", content)})
        body = request.read()
        chunks.content_type = request.headers["content-type"]
        return (body[at : at + 50_000] for at in range(0, len(body), 50_000))

    body = chunks()
    headers = {"content-type": chunks.content_type}
    answer = httpx.post(base + "/upload", content=body, headers=headers, timeout=30)
    check("chunked upload", answer.status_code == 200 and answer.json() == expected, answer.text)


def events(base: str) -> None:
    arrivals = []
    with httpx.stream("GET", base + "/events", timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                arrivals.append(time.monotonic())
    # The app waits 0.4 s in all between the first event and the last. A proxy that buffers
    # delivers them together.
    spread = arrivals[-1] - arrivals[0] if len(arrivals) == 3 else 0
    check("event stream", spread > 0.2, arrivals)


async def socket(base: str) -> None:
    async with websockets.connect(base.replace("http://", "ws://") + "/ws") as connection:
        for message in ["hello", "x" * 70_000]:
            await connection.send(message)
            answer = await connection.recv()
            check(f"websocket message of {len(message)}", answer == message.upper(), answer[:80])


if __name__ == "__main__":
    page(sys.argv[1])
    upload(sys.argv[1])
    events(sys.argv[1])
    asyncio.run(socket(sys.argv[1]))
