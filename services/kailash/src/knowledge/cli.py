"""The CLI channel of Nexus: `docker exec <container> nexus ...`. Nexus's own sends no token, and shows nothing of a
handler's answer.

  nexus list                          workflows
  nexus run NAME [key=value ...]      runs one; a value is JSON, or text
  nexus ask QUESTION                  the answer, its passages, and neighbours
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

WAIT = 60  # seconds


def call(path: str, body: object = None) -> Any:
    """Raises SystemExit with what the service says."""
    token = Path(os.environ["API_TOKENS_FILE"]).read_text(encoding="utf-8").split()[0]
    url = f"http://127.0.0.1:{os.environ.get('PORT', '8003')}/nexus{path}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=WAIT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"nexus: {error.code} {error.read(500).decode(errors='replace')}") from None
    except OSError as error:
        raise SystemExit(f"nexus: the service does not answer: {error}") from None


def value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def inputs(words: list[str]) -> dict[str, Any]:
    wrong = [word for word in words if "=" not in word]
    if wrong:
        raise SystemExit(f"nexus: got {wrong[0]!r}, needs key=value")
    return {key: value(text) for key, _, text in (word.partition("=") for word in words)}


def run(name: str, given: dict[str, Any]) -> Any:
    outputs = call(f"/workflows/{name}/execute", {"inputs": given})["outputs"]
    # A workflow of one node is what that node gives.
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def main(words: list[str]) -> int:
    match words:
        case ["list"]:
            found = call("/workflows")
        case ["run", name, *rest]:
            found = run(name, inputs(rest))
        case ["ask", question]:
            found = run("ask", {"question": question, "channel": "cli"})
        case _:
            print(__doc__.strip(), file=sys.stderr)
            return 2
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
