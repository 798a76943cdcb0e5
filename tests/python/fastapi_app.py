"""An ordinary FastAPI app: a page, a WebSocket, an upload and an event stream."""

import asyncio
import hashlib

from fastapi import FastAPI, Request, UploadFile, WebSocket
from fastapi.responses import HTMLResponse, StreamingResponse

app = FastAPI()


@app.get("/", response_class=HTMLResponse)
def page(request: Request) -> str:
    return f"<h1>Hello from FastAPI at {request.headers['host']}</h1>"


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for message in socket.iter_text():
        await socket.send_text(message.upper())


@app.post("/upload")
async def upload(file: UploadFile) -> dict:
    digest = hashlib.sha256()
    length = 0
    while block := await file.read(65536):
        digest.update(block)
        length += len(block)
    return {"length": length, "sha256": digest.hexdigest()}


@app.get("/events")
async def events() -> StreamingResponse:
    async def stream():
        for number in range(3):
            yield f"data: {number}\n\n"
            await asyncio.sleep(0.2)

    return StreamingResponse(stream(), media_type="text/event-stream")
