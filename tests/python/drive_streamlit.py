"""Drives the Streamlit page as a browser does: page, WebSocket, upload.

Usage: drive_streamlit.py BASE_URL [COOKIE]. The cookie, name=value, is the browser's from before. Prints one line for each thing that worked; exits 1 at the
first that does not.
"""

import asyncio
import sys

import httpx
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


def check(name: str, held: bool, saw: object) -> None:
    if not held:
        sys.exit(f"{name}: saw {saw!r}")
    print(f"{name}: ok", flush=True)


async def script_run(connection) -> list[ForwardMsg]:
    """Reads messages until the page's script has finished."""
    messages = []
    while True:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(connection.recv(), 30))
        messages.append(message)
        if message.WhichOneof("type") == "script_finished":
            return messages


async def drive(base: str, kept: dict[str, str]) -> None:
    # What a browser tells of a page's own requests.
    own = {"Origin": base, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=base, timeout=30, cookies=kept, headers=own) as browser:
        page = browser.get("/")
        check("page", page.status_code == 200 and "<title>Streamlit" in page.text, page.text[:200])
        health = browser.get("/_stcore/health")
        check("health", health.text == "ok", health.text)
        browser.get("/_stcore/host-config")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        async with websockets.connect(
            base.replace("http://", "ws://") + "/_stcore/stream",
            subprotocols=["streamlit"],
            origin=base,
            additional_headers={"Cookie": cookie} if cookie else {},
            max_size=None,
        ) as connection:
            rerun = BackMsg()
            rerun.rerun_script.query_string = ""
            await connection.send(rerun.SerializeToString())
            messages = await script_run(connection)
            text = " ".join(str(message) for message in messages)
            check("websocket", "Hello from Streamlit" in text and "Hello world" in text, text[:400])
            session = next(
                message.new_session.initialize.session_id
                for message in messages
                if message.WhichOneof("type") == "new_session"
            )
            token = browser.cookies.get("_streamlit_xsrf")
            answer = browser.put(
                f"/_stcore/upload_file/{session}/f1",
                files={"file": ("notes.csv", b"name,score\n" * 50_000)},
                headers={"X-Xsrftoken": token} if token else {},
            )
            check("upload", answer.status_code in (200, 204), (answer.status_code, answer.text[:200]))


if __name__ == "__main__":
    asyncio.run(drive(sys.argv[1], dict(pair.split("=", 1) for pair in sys.argv[2:])))
