"""Outbound SMS, through Twilio."""

from __future__ import annotations

import logging

import httpx

from personal_assistant.config.settings import Settings

log = logging.getLogger("assistant.sms")


def send_sms(settings: Settings, to: str, text: str) -> bool:
    """Waits for Twilio's answer, for at most ten seconds. False: it was not taken; the log says why."""
    try:
        response = httpx.post(
            f"{settings.twilio_api_url}/2010-04-01/Accounts/{settings.twilio_account_sid}/Messages.json",
            auth=(settings.twilio_account_sid, settings.twilio_auth_token),
            data={"To": to, "From": settings.twilio_from_number, "Body": text[:1500]},
            timeout=10,
        )
        response.raise_for_status()
        return True
    except httpx.HTTPError as error:
        log.error("SMS was not sent: %s", type(error).__name__)
        return False
