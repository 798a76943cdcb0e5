"""Reads messages with two parsers of Python: h11, and the standard library as its servers do.

Takes lines of JSON on standard input, {"kind", "bytes", "methods"}, and answers each with a line of
what each parser read: {"h11": {"messages", "end"}, "http.server": {...}}.
"""

import io
import json
import sys
from http.client import HTTPException, HTTPResponse, parse_headers

import h11

LARGE = 1 << 24


def fields(pairs):
    def text(part):
        return part.decode("latin-1") if isinstance(part, bytes) else part

    return [[text(name).lower(), text(value).strip(" \t")] for name, value in pairs]


def of_h11(kind, data, methods):
    """New connection for each message: what one leaves over is the start of the next."""
    messages = []
    while data:
        role = h11.SERVER if kind == "request" else h11.CLIENT
        connection = h11.Connection(role, max_incomplete_event_size=LARGE)
        if kind == "answer":
            finals = sum(1 for message in messages if int(message["start"]) >= 200)
            method = methods[finals] if finals < len(methods) else "GET"
            asked = [("Host", "a")]
            if b" 101 " in data[:13]:
                # The switch was asked for, or it would not have come this far.
                asked += [("Connection", "upgrade"), ("Upgrade", "websocket")]
            request = h11.Request(method=method, target="/", headers=asked)
            connection.send(request)
            connection.send(h11.EndOfMessage())
        connection.receive_data(data)
        connection.receive_data(b"")
        head, body = None, b""
        try:
            while True:
                event = connection.next_event()
                if isinstance(event, h11.Request):
                    start = event.method.decode() + " " + event.target.decode("latin-1")
                    head = {"start": start, "fields": fields(event.headers)}
                    asked = [value for name, value in head["fields"] if name == "upgrade"]
                    if asked:
                        messages.append({**head, "body": ""})
                        return messages, "switched"
                elif isinstance(event, h11.InformationalResponse):
                    messages.append(
                        {
                            "start": str(event.status_code),
                            "fields": fields(event.headers),
                            "body": "",
                        }
                    )
                    if event.status_code == 101:
                        return messages, "switched"
                elif isinstance(event, h11.Response):
                    head = {"start": str(event.status_code), "fields": fields(event.headers)}
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    messages.append({**head, "body": body.hex()})
                    break
                elif isinstance(event, h11.ConnectionClosed):
                    return messages, "clean"
                else:
                    return messages, "incomplete"
        except h11.RemoteProtocolError as fault:
            text = str(fault)
            early = "without sending complete" in text or "closed connection" in text
            early = early or "unexpectedly closed" in text
            return messages, "incomplete" if early else "error: " + text
        data = connection.trailing_data[0]
    return messages, "clean"


class Early(Exception):
    pass


def exactly(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise Early
    return data


def chunks(stream):
    body = b""
    while True:
        line = stream.readline()
        if not line.endswith(b"\n"):
            raise Early
        size = int(line.split(b";")[0].strip(), 16)
        if size == 0:
            break
        body += exactly(stream, size)
        exactly(stream, 2)
    while True:
        line = stream.readline()
        if not line.endswith(b"\n"):
            raise Early
        if not line.strip():
            return body


def of_server(data):
    """As http.server reads a head, and as small servers on top of it read bodies."""
    messages, stream = [], io.BytesIO(data)
    while True:
        line = stream.readline()
        if not line:
            return messages, "clean"
        try:
            if not line.endswith(b"\n"):
                raise Early
            rest = stream.getbuffer()[stream.tell() :].tobytes()
            if b"\n\r\n" not in b"\n" + rest and b"\n\n" not in b"\n" + rest:
                raise Early
            words = str(line, "iso-8859-1").rstrip("\r\n").split()
            if len(words) != 3 or not words[2].startswith("HTTP/"):
                return messages, "error: request line"
            head = parse_headers(stream)
            if head.get("upgrade"):
                body, end = b"", "switched"
            elif "chunked" in head.get("transfer-encoding", "").lower():
                body, end = chunks(stream), None
            else:
                body, end = exactly(stream, int(head.get("content-length", "0"))), None
        except Early:
            return messages, "incomplete"
        except (ValueError, HTTPException) as fault:
            return messages, "error: " + str(fault)
        messages.append(
            {"start": words[0] + " " + words[1], "fields": fields(head.items()), "body": body.hex()}
        )
        if end:
            return messages, end


class Socket:
    def __init__(self, stream):
        self.stream = stream

    def makefile(self, *_):
        return self.stream


class Stream(io.BytesIO):
    def close(self):
        """HTTPResponse closes what it has read; the next answer is still in here."""


def of_client(data, methods):
    messages, stream = [], Stream(data)
    while stream.tell() < len(data):
        rest = data[stream.tell() :]
        if b"\r\n\r\n" not in rest and b"\n\n" not in rest:
            return messages, "incomplete"
        finals = sum(1 for message in messages if int(message["start"]) >= 200)
        method = methods[finals] if finals < len(methods) else "GET"
        answer = HTTPResponse(Socket(stream), method=method)
        try:
            version, status, _ = answer._read_status()
            if status < 200:
                head = parse_headers(stream)
                messages.append({"start": str(status), "fields": fields(head.items()), "body": ""})
                if status == 101:
                    return messages, "switched"
                continue
            stream.seek(len(data) - len(rest))
            answer.begin()
            body = answer.read()
        except HTTPException as fault:
            kind = type(fault).__name__
            early = kind in ("IncompleteRead", "RemoteDisconnected")
            return messages, "incomplete" if early else "error: " + kind
        except ValueError as fault:
            return messages, "error: " + str(fault)
        messages.append(
            {"start": str(status), "fields": fields(answer.getheaders()), "body": body.hex()}
        )
    return messages, "clean"


def tried(reader, *given):
    """A reader that stumbles has not read what it was given."""
    try:
        messages, end = reader(*given)
    except Exception as fault:
        messages, end = [], "error: " + type(fault).__name__
    return {"messages": messages, "end": end}


for line in sys.stdin:
    asked = json.loads(line)
    data, kind, methods = bytes.fromhex(asked["bytes"]), asked["kind"], asked["methods"]
    answer = {"h11": tried(of_h11, kind, data, methods)}
    if kind == "request":
        answer["http.server"] = tried(of_server, data)
    else:
        answer["http.server"] = tried(of_client, data, methods)
    print(json.dumps(answer), flush=True)
