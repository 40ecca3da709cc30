"""Accounts and sessions."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from pydantic import AfterValidator, BaseModel, Field
from redis.asyncio import Redis

from apps.fastapi_app.middleware.auth import ROLES, CurrentUser, requires
from berth.passwords import hash_password, verify_password
from berth.storable import STORABLE
from personal_assistant.auth.guesses import Guesses
from personal_assistant.auth.second_factor import CHALLENGE_TTL, Challenges, SecondFactor
from personal_assistant.auth.tokens import Sessions, User, issue_access_token
from personal_assistant.core import metrics
from personal_assistant.core.context import context_of
from personal_assistant.core.http import client_ip

router = APIRouter(prefix="/v1")

WRONG_PASSWORDS = 10  # for an account from an address, in a window (auth/guesses.py)

Email = Annotated[
    str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"), STORABLE, AfterValidator(str.lower)
]


class Credentials(BaseModel):
    email: Email
    password: str = Field(min_length=8, max_length=200)


class RefreshToken(BaseModel):
    refresh_token: str = Field(min_length=20, max_length=200)


class RoleChange(BaseModel):
    role: str = Field(pattern=f"^({'|'.join(ROLES)})$")


def redis_of(request: Request) -> Redis:
    redis = context_of(request).redis
    assert redis
    return redis


def _sessions(request: Request) -> Sessions:
    return Sessions(redis_of(request), context_of(request).settings.jwt_refresh_ttl)


async def issue_tokens(request: Request, user: User) -> dict[str, Any]:
    return _tokens(request, user, await _sessions(request).open(user.id))


def _tokens(request: Request, user: User, refresh_token: str) -> dict[str, Any]:
    settings = context_of(request).settings
    return {
        "access_token": issue_access_token(user, settings.jwt_keys, settings.jwt_access_ttl),
        "refresh_token": refresh_token,
        "token_type": "bearer",
        "expires_in": settings.jwt_access_ttl,
    }


# Never all of them: once a migration adds one, a statement that is prepared fails for as long as its connection lives.
_COLUMNS = "id, email, role, created_at"


def _user(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "email": row["email"],
        "role": row["role"],
        "created_at": row["created_at"].isoformat(),
    }


@router.post("/auth/register", status_code=201)
async def register(body: Credentials, request: Request) -> dict[str, Any]:
    hashed = await hash_password(body.password)
    try:
        row = await context_of(request).database.one(
            f"INSERT INTO users (email, password_hash) VALUES (%s, %s) RETURNING {_COLUMNS}", body.email, hashed
        )
    except psycopg.errors.UniqueViolation as error:
        raise HTTPException(409, "this e-mail is already registered") from error
    assert row
    return _user(row)


@router.post("/auth/login")
async def login(body: Credentials, request: Request) -> dict[str, Any]:
    row = await context_of(request).database.one(
        "SELECT id, role, password_hash, EXISTS (SELECT FROM mfa_methods WHERE user_id = users.id "
        "AND confirmed_at IS NOT NULL) AS mfa FROM users WHERE email = %s",
        body.email,
    )
    stored = row["password_hash"] if row else None
    # By address: who guesses from elsewhere keeps nobody from logging in. Wrong ones alone, however many are right.
    guesses, wrong = Guesses(redis_of(request)), f"log-ins:{client_ip(request)}:{body.email}"
    await guesses.left(wrong, WRONG_PASSWORDS)
    if not await verify_password(stored, body.password) or row is None:
        metrics.LOGINS.labels("refused").inc()
        await guesses.count(wrong, WRONG_PASSWORDS)
        raise HTTPException(401, "wrong e-mail or password")
    await guesses.forget(wrong)
    if row["mfa"]:
        metrics.LOGINS.labels("challenged").inc()
        return await _challenge(request, str(row["id"]), body.email)
    metrics.LOGINS.labels("accepted").inc()
    return await issue_tokens(request, User(str(row["id"]), row["role"]))


async def _challenge(request: Request, user_id: str, email: str) -> dict[str, Any]:
    """In place of tokens: what /auth/mfa/verify takes together with a code."""
    context, redis = context_of(request), redis_of(request)
    return {
        "mfa_required": True,
        "challenge_token": await Challenges(redis).open(user_id),
        "methods": await SecondFactor(context.settings, context.database, redis).offered(user_id, email),
        "expires_in": CHALLENGE_TTL,
    }


@router.post("/auth/refresh")
async def refresh(body: RefreshToken, request: Request) -> dict[str, Any]:
    database, sessions = context_of(request).database, _sessions(request)
    user_id = await sessions.owner(body.refresh_token)
    row = await database.one("SELECT id, role FROM users WHERE id = %s", user_id) if user_id else None
    # The last step, because it uses the token up.
    renewed = await sessions.replace(body.refresh_token, str(row["id"])) if row else None
    if row is None or renewed is None:
        raise HTTPException(401, "the refresh token is invalid, used or has expired")
    return _tokens(request, User(str(row["id"]), row["role"]), renewed)


@router.post("/auth/logout", status_code=204)
async def logout(body: RefreshToken, request: Request) -> Response:
    await _sessions(request).close(body.refresh_token)
    return Response(status_code=204)


@router.get("/users/me")
async def me(request: Request, user: CurrentUser) -> dict[str, Any]:
    row = await context_of(request).database.one(f"SELECT {_COLUMNS} FROM users WHERE id = %s", user.id)
    if row is None:
        raise HTTPException(401, "the account of this token no longer exists")
    return _user(row)


@router.get("/users", dependencies=[Depends(requires("admin"))])
async def users(request: Request) -> list[dict[str, Any]]:
    rows = await context_of(request).database.all(f"SELECT {_COLUMNS} FROM users ORDER BY created_at LIMIT 500")
    return [_user(row) for row in rows]


@router.patch("/users/{user_id}", dependencies=[Depends(requires("admin"))])
async def change_role(user_id: UUID, body: RoleChange, request: Request) -> dict[str, Any]:
    row = await context_of(request).database.one(
        f"UPDATE users SET role = %s WHERE id = %s RETURNING {_COLUMNS}", body.role, user_id
    )
    if row is None:
        raise HTTPException(404, "no such user")
    return _user(row)
