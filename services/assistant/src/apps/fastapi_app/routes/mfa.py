"""The second factor: enrolment, the second half of a log-in, recovery.

A log-in by password of a user who has one answers with a challenge; /auth/mfa/verify takes it with a code."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from apps.fastapi_app.middleware.auth import CurrentUser, requires
from apps.fastapi_app.routes.auth import issue_tokens, redis_of
from berth.passwords import verify_password
from personal_assistant.auth.guesses import TooMany
from personal_assistant.auth.mfa import Unreadable
from personal_assistant.auth.second_factor import (
    Challenges,
    Kind,
    Method,
    NotSent,
    SecondFactor,
    described,
    masked,
)
from personal_assistant.auth.tokens import User
from personal_assistant.config.settings import SMS_OUT_FIX
from personal_assistant.core import logs, metrics
from personal_assistant.core.context import context_of
from personal_assistant.core.http import problem

log = logging.getLogger("assistant.mfa")

router = APIRouter(prefix="/v1")


class Code(BaseModel):
    code: str = Field(min_length=6, max_length=40)


class Factor(Code):
    method: Method


class Enrolment(BaseModel):
    password: str = Field(min_length=8, max_length=200)
    #: Needed where a second factor is on already.
    factor: Factor | None = None


class Challenge(BaseModel):
    challenge_token: str = Field(min_length=20, max_length=200)


class Answer(Factor, Challenge):
    pass


def second_factor(request: Request) -> SecondFactor:
    context = context_of(request)
    return SecondFactor(context.settings, context.database, redis_of(request))


def challenges(request: Request) -> Challenges:
    return Challenges(redis_of(request))


async def _account(request: Request, user_id: str) -> DictRow:
    row = await context_of(request).database.one(
        "SELECT id, email, role, password_hash FROM users WHERE id = %s", user_id
    )
    if row is None:
        raise HTTPException(401, "the account of this token no longer exists")
    return row


async def _challenged(request: Request, token: str) -> DictRow:
    user_id = await challenges(request).owner(token)
    if user_id is None:
        raise HTTPException(401, "the challenge is invalid, used or has expired: log in again")
    logs.user_id.set(user_id)
    return await _account(request, user_id)


async def _prove(request: Request, user_id: str, factor: Factor) -> None:
    if not await second_factor(request).accepts(user_id, factor.method, factor.code):
        raise HTTPException(403, "the code is wrong, used or has expired")


async def _may_enrol(request: Request, user_id: str, body: Enrolment) -> DictRow:
    """A token alone must not be enough to lock its owner out."""
    row, factors = await _account(request, user_id), second_factor(request)
    await factors.count_password(user_id)
    if not await verify_password(row["password_hash"], body.password):
        raise HTTPException(403, "wrong password")
    if await factors.on(user_id):
        if body.factor is None:
            raise HTTPException(403, "a second factor is on: a code of it is needed, as factor")
        await _prove(request, user_id, body.factor)
    return row


def _number(request: Request, row: DictRow) -> str:
    factors = second_factor(request)
    if not context_of(request).settings.sms_out:
        raise HTTPException(503, f"SMS is off: {SMS_OUT_FIX}")
    number = factors.number_of(row["email"])
    if number is None:
        raise HTTPException(409, "no phone number is known for this account (berth:twilioUserNumbers)")
    return number


@router.get("/auth/mfa")
async def state(request: Request, user: CurrentUser) -> dict[str, Any]:
    row, factors = await _account(request, user.id), second_factor(request)
    number = factors.number_of(row["email"])
    return {
        "on": await factors.on(user.id),
        "available": ["totp", *(["sms"] if number else [])],
        "backup_codes_left": await factors.backup_codes_left(user.id),
    }


@router.post("/auth/mfa/totp", status_code=201)
async def begin_totp(body: Enrolment, request: Request, user: CurrentUser) -> dict[str, Any]:
    row = await _may_enrol(request, user.id, body)
    secret = await second_factor(request).begin(user.id, "totp")
    if secret is None:
        raise HTTPException(409, "an authenticator app is enrolled: turn the second factor off first")
    return described(secret, row["email"], context_of(request).settings)


@router.post("/auth/mfa/sms", status_code=202)
async def begin_sms(body: Enrolment, request: Request, user: CurrentUser) -> dict[str, Any]:
    number = _number(request, await _account(request, user.id))
    await _may_enrol(request, user.id, body)
    factors = second_factor(request)
    if await factors.begin(user.id, "sms") is None:
        raise HTTPException(409, "codes by SMS are on already")
    await factors.send_code(user.id, number)
    return {"sent_to": masked(number)}


@router.post("/auth/mfa/{kind}/confirm")
async def confirm(kind: Kind, body: Code, request: Request, user: CurrentUser) -> dict[str, Any]:
    codes = await second_factor(request).confirm(user.id, kind, body.code)
    if codes is None:
        raise HTTPException(403, "the code is wrong or has expired, or no enrolment was begun")
    return {"on": await second_factor(request).on(user.id), "backup_codes": codes}


@router.post("/auth/mfa/sms/send", status_code=202)
async def send(request: Request, user: CurrentUser) -> dict[str, Any]:
    return await _send(request, await _account(request, user.id))


@router.post("/auth/mfa/verify/sms", status_code=202)
async def send_for_login(body: Challenge, request: Request) -> dict[str, Any]:
    return await _send(request, await _challenged(request, body.challenge_token))


async def _send(request: Request, row: DictRow) -> dict[str, Any]:
    factors, user_id = second_factor(request), str(row["id"])
    if "sms" not in await factors.on(user_id):
        raise HTTPException(409, "codes by SMS are not on for this account")
    number = _number(request, row)
    await factors.send_code(user_id, number)
    return {"sent_to": masked(number)}


@router.post("/auth/mfa/verify")
async def verify(body: Answer, request: Request) -> dict[str, Any]:
    row = await _challenged(request, body.challenge_token)
    user = User(str(row["id"]), row["role"])
    accepted = await second_factor(request).accepts(user.id, body.method, body.code)
    if not accepted or not await challenges(request).close(body.challenge_token):
        metrics.LOGINS.labels("refused").inc()
        raise HTTPException(401, "the code is wrong, used or has expired")
    metrics.LOGINS.labels("accepted").inc()
    return await issue_tokens(request, user)


@router.post("/auth/mfa/backup-codes", status_code=201)
async def renew_backup_codes(body: Factor, request: Request, user: CurrentUser) -> dict[str, Any]:
    await _prove(request, user.id, body)
    return {"backup_codes": await second_factor(request).new_backup_codes(user.id)}


@router.post("/auth/mfa/disable", status_code=204)
async def disable(body: Factor, request: Request, user: CurrentUser) -> Response:
    await _prove(request, user.id, body)
    await second_factor(request).turn_off(user.id)
    return Response(status_code=204)


@router.delete("/users/{user_id}/mfa", status_code=204, dependencies=[Depends(requires("admin"))])
async def reset(user_id: UUID, request: Request) -> Response:
    """For a user who has lost the phone and the backup codes."""
    if not await second_factor(request).turn_off(str(user_id)):
        raise HTTPException(404, "this user has no second factor")
    return Response(status_code=204)


async def too_many(_: Request, error: Exception) -> Response:
    assert isinstance(error, TooMany)
    return problem(429, "too many guesses or codes, wait", {"Retry-After": str(error.seconds)})


async def not_sent(_: Request, error: Exception) -> Response:
    return problem(503, "the SMS could not be sent, try again")


async def unreadable(_: Request, error: Exception) -> Response:
    log.error("a user's second factor was encrypted with a key that is not in MFA_KEYS_FILE")
    return problem(409, "codes of an authenticator app cannot be checked here: use a backup code")


ERRORS = {TooMany: too_many, NotSent: not_sent, Unreadable: unreadable}
