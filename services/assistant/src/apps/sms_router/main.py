"""Takes SMS from Twilio's webhook to the agent of the user whose number sent it, and the reply back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from xml.sax.saxutils import escape

from fastapi import FastAPI, Request, Response

from personal_assistant.config.settings import SMS_FIX, Settings
from personal_assistant.core import logs, metrics
from personal_assistant.core.agent_client import AgentClient
from personal_assistant.core.context import Context, context_of
from personal_assistant.core.http import Check, create_app, database_check, problem

log = logging.getLogger("assistant.sms")


def twilio_signature(token: str, url: str, params: Iterable[tuple[str, str]]) -> str:
    """https://www.twilio.com/docs/usage/security: HMAC-SHA1 over the URL and the sorted form fields."""
    signed = url + "".join(name + value for name, value in sorted(set(params)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def twiml(reply: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Response><Message>{escape(reply)}</Message></Response>'
    return Response(body, media_type="application/xml")


def build(settings: Settings) -> FastAPI:
    async def prepare(context: Context) -> AsyncIterator[None]:
        context.agent = AgentClient(settings)
        yield
        await context.agent.close()

    def checks(context: Context) -> Mapping[str, Check]:
        assert context.agent
        return {"database": database_check(context), "agent": context.agent.check}

    app = create_app(settings, prepare, checks)

    @app.post("/sms")
    async def receive(request: Request) -> Response:
        if not settings.sms_in:
            metrics.SMS_RECEIVED.labels("off").inc()
            return problem(503, "sms is off", fix=SMS_FIX)
        form = [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]
        query = f"?{request.url.query}" if request.url.query else ""
        expected = twilio_signature(settings.twilio_auth_token, f"{settings.public_url}{request.url.path}{query}", form)
        if not hmac.compare_digest(expected.encode(), request.headers.get("x-twilio-signature", "").encode()):
            metrics.SMS_RECEIVED.labels("bad signature").inc()
            return problem(403, "the signature is wrong")
        fields = dict(form)
        message_sid, text = fields.get("MessageSid", ""), fields.get("Body", "").strip()
        if not message_sid:
            return problem(422, "MessageSid is missing")
        context = context_of(request)
        assert context.agent
        email = settings.twilio_user_numbers.get(fields.get("From", ""))
        user = await context.database.one("SELECT id FROM users WHERE email = %s", email) if email else None
        if user is None:
            metrics.SMS_RECEIVED.labels("unknown number").inc()
            return problem(404, "this number belongs to no user")
        logs.user_id.set(str(user["id"]))
        if not text:
            return twiml("I can only read text.")
        # Twilio repeats a webhook that it got no answer to; the agent stores one message per id.
        message_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"twilio:{message_sid}"))
        answer = await context.agent.send(
            user_id=str(user["id"]), text=text[:4000], channel="sms", message_id=message_id
        )
        metrics.SMS_RECEIVED.labels("answered").inc()
        return twiml(answer["reply"])

    return app
