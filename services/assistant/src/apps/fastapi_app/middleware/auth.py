"""Who calls. Roles inherit: a role may do whatever the roles before it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, HTTPException
from starlette.requests import HTTPConnection

from personal_assistant.auth.tokens import InvalidToken, User, verify_access_token
from personal_assistant.core import logs
from personal_assistant.core.context import context_of

ROLES = ("user", "admin")


def bearer_token(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    # A browser cannot set headers on a websocket; a query parameter would end up in access logs.
    offered = [part.strip() for part in connection.headers.get("sec-websocket-protocol", "").split(",")]
    return offered[1] if len(offered) == 2 and offered[0] == "bearer" else None


def caller_or_none(connection: HTTPConnection) -> User | None:
    token = bearer_token(connection)
    if token is None:
        return None
    try:
        return verify_access_token(token, context_of(connection).settings.jwt_keys)
    except InvalidToken:
        return None


async def current_user(connection: HTTPConnection) -> User:
    token = bearer_token(connection)
    if token is None:
        raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})
    try:
        user = verify_access_token(token, context_of(connection).settings.jwt_keys)
    except InvalidToken as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from error
    logs.user_id.set(user.id)
    return user


CurrentUser = Annotated[User, Depends(current_user)]


def requires(role: str) -> Callable[[User], User]:
    def check(user: CurrentUser) -> User:
        if user.role not in ROLES or ROLES.index(user.role) < ROLES.index(role):
            raise HTTPException(403, f"the role {role} is needed")
        return user

    return check
