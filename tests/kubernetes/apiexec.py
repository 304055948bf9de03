"""Exec of the stand-in API server: a command of a pod runs on this machine, over the WebSocket protocol v4.

Each message is a byte for the channel (0 stdin, 1 stdout, 2 stderr, 3 how it ended) and data.
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import WSMsgType, web
from apicall import TRUE
from apistatus import bad_request


async def execute(request: web.Request) -> web.StreamResponse:
    """Until the command ends, or the client goes, which ends it."""
    command = request.query.getall("command", [])
    if not command:
        raise bad_request("you must specify at least one command for the container")
    socket = web.WebSocketResponse(protocols=("v4.channel.k8s.io",))
    await socket.prepare(request)
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    stdin, stdout, stderr = (
        pipe if request.query.get(name) in TRUE else nowhere for name in ("stdin", "stdout", "stderr")
    )
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=stdout, stderr=stderr)
    except FileNotFoundError:
        words = f"exec failed: {command[0]}: executable file not found in $PATH"
        await socket.send_bytes(b"\3" + json.dumps({"status": "Failure", "message": words}).encode())
        await socket.close()
        return socket
    speaking = asyncio.create_task(_speak(process, socket))
    try:
        async for message in socket:
            if message.type is WSMsgType.BINARY and message.data[:1] == b"\0" and process.stdin:
                process.stdin.write(message.data[1:])
    finally:
        if process.stdin:
            process.stdin.close()  # as the kubelet does
        await process.wait()
        await speaking
    return socket


async def _speak(process: asyncio.subprocess.Process, socket: web.WebSocketResponse) -> None:
    assert process.stdout is not None
    try:
        while data := await process.stdout.read(4096):
            await socket.send_bytes(b"\1" + data)
        await process.wait()
        await socket.send_bytes(b"\3" + json.dumps({"status": "Success"}).encode())
        await socket.close()
    except ConnectionError:
        return  # the client has gone
