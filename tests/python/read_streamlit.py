"""Prints what a Streamlit page shows to whoever opens it.

Usage: read_streamlit.py BASE_URL [FIELD: VALUE]... The fields are those of the handshake. The script is
run twice on one connection, as when somebody presses a button; what it shows must be the same.
"""

import asyncio
import sys

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


async def shown(connection) -> list[str]:
    rerun = BackMsg()
    rerun.rerun_script.query_string = ""
    await connection.send(rerun.SerializeToString())
    lines = []
    while True:
        message = ForwardMsg()
        message.ParseFromString(await asyncio.wait_for(connection.recv(), 30))
        kind = message.WhichOneof("type")
        if kind == "script_finished":
            return lines
        element = message.delta.new_element if kind == "delta" else None
        if element is not None and element.WhichOneof("type") in ("markdown", "alert", "exception"):
            lines.append(str(getattr(element, element.WhichOneof("type"))))


async def read(base: str, fields: dict[str, str]) -> None:
    async with websockets.connect(
        base.replace("http://", "ws://") + "/_stcore/stream",
        subprotocols=["streamlit"],
        origin=base,
        additional_headers=fields,
        max_size=None,
    ) as connection:
        first, second = await shown(connection), await shown(connection)
    if first != second:
        sys.exit(f"shown twice, and not the same: {first} {second}")
    print("\n".join(first))


if __name__ == "__main__":
    asyncio.run(read(sys.argv[1], dict(field.split(": ", 1) for field in sys.argv[2:])))
