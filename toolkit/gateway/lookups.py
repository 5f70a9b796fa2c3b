"""
Questions to which the honest answer of this gateway is "none".

It has no news, scanners, advisors, families of accounts, depth exchanges or soft dollar tiers. An
error would be honest too, but most of these requests carry no id, and clients then wait for the
reply itself until they give up or for ever; so each is answered with an empty one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from toolkit.gateway.requests import LookUp, Topic
from toolkit.gateway.wire import frame

if TYPE_CHECKING:
    from toolkit.gateway.session import Session

_ADVISOR_LISTS = {1: "ListOfGroups", 2: "ListOfAllocationProfiles", 3: "ListOfAccountAliases"}


def none_of(topic: Topic, argument: int) -> bytes:
    """The reply that lists nothing; ``argument`` is the one number of the request, if it has one."""
    match topic:
        case Topic.NEWS_PROVIDERS:
            return frame(("85", "0"))
        case Topic.FAMILY_CODES:
            return frame(("78", "0"))
        case Topic.DEPTH_EXCHANGES:
            return frame(("80", "0"))
        case Topic.SOFT_DOLLAR_TIERS:
            return frame(("77", str(argument), "0"))
        case Topic.USER_INFO:
            return frame(("107", str(argument), ""))  # whiteBrandingId
        case Topic.SCANNER_PARAMETERS:
            return frame(("19", "1", "<ScanParameterResponse></ScanParameterResponse>"))
        case Topic.ADVISOR_DATA:
            root = _ADVISOR_LISTS.get(argument, "ListOfGroups")
            return frame(("16", "1", str(argument), f"<{root}></{root}>"))


def answer(session: Session, request: LookUp, _: datetime) -> None:
    """Say that there is none."""
    session.send(none_of(request.topic, request.argument))
