"""A client of MCP as others have it: the official SDK. Prints what it was told, as JSON: tools, and the answer of one.

python - <http or websocket> <url> <token> <tool> <arguments as JSON>"""

import asyncio
import json
import sys
from typing import Any

import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.client.websocket import websocket_client


async def told(session: ClientSession, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    async with session:
        begun = await session.initialize()
        tools = await session.list_tools()
        answer = await session.call_tool(tool, arguments)
        return {
            "server": begun.serverInfo.name,
            "tools": sorted(one.name for one in tools.tools),
            "error": bool(answer.isError),
            "text": answer.content[0].text,  # type: ignore[union-attr]
        }


async def main(how: str, url: str, token: str, tool: str, arguments: str) -> None:
    given = json.loads(arguments)
    if how == "http":
        client = httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"})
        async with client, streamable_http_client(url, http_client=client) as (read, write, _):
            print(json.dumps(await told(ClientSession(read, write), tool, given)))
    else:
        whole = httpx.URL(url).copy_with(username="mcp", password=token)
        async with websocket_client(str(whole)) as (read, write):
            print(json.dumps(await told(ClientSession(read, write), tool, given)))


asyncio.run(main(*sys.argv[1:]))
