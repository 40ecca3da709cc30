"""What is answered instead of what was asked for: {"error": {"code", "message"}}."""

from __future__ import annotations

from starlette.responses import JSONResponse

#: Codes of what the frame of a service answers (berth/service.py), by status.
CODES = {
    400: "invalid",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    500: "unexpected",
    503: "unavailable",
}


class Problem(Exception):
    """An answer that is no success. `code` is for programs, `message` for people."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after

    def answer(self) -> JSONResponse:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return JSONResponse({"error": {"code": self.code, "message": self.message}}, self.status, headers)


def plain(status: int, message: str, retry_after: int | None) -> JSONResponse:
    """For berth.service.create."""
    return Problem(status, CODES.get(status, "refused"), message, retry_after).answer()
