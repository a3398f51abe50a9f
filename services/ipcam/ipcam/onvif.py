"""Asks cameras over ONVIF for their clock, identity, streams and events; the protocol itself is onvif-zeep-async's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import zeep.exceptions
from onvif import ONVIFCamera
from onvif.exceptions import ONVIFError

from ipcam.domain.clock import Drift, measure

Answer = TypeVar("Answer")
RTSP_SETUP = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
PULLPOINT = "http://www.onvif.org/ver10/events/wsdl/PullPointSubscription"


class OnvifUnavailable(Exception):
    """The device did not answer as asked. `reason`: refused, timeout, wrong_password, unsupported, no_answer. Holds no credentials."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class OnvifAddress:
    """Where the device service is (`http://host:port/path`, no credentials in it) and who asks."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DeviceInformation:
    """What the device says of itself."""

    manufacturer: str
    model: str
    firmware: str
    serial: str


@dataclass(frozen=True)
class OfferedStream:
    """A stream that the device offers; `url` is stripped of any credentials that the device put into it."""

    profile: str
    url: str
    codec: str | None
    width: int | None
    height: int | None
    fps: float | None


@dataclass(frozen=True)
class OnvifEvent:
    """What the camera itself noticed: `kind` motion or tamper, whether it begins or ends, and when by the camera's own clock."""

    kind: str
    active: bool
    camera_time: datetime | None
    topic: str


#: Topics seen in the field, by their ending; what is not here is no business of ours.
KINDS = {
    "VideoSource/MotionAlarm": "motion",
    "RuleEngine/CellMotionDetector/Motion": "motion",
    "RuleEngine/MotionRegionDetector/Motion": "motion",
    "RuleEngine/TamperDetector/Tamper": "tamper",
    "VideoSource/GlobalSceneChange/ImagingService": "tamper",
    "VideoSource/GlobalSceneChange/AnalyticsService": "tamper",
    "VideoSource/ImageTooDark/ImagingService": "tamper",
    "VideoSource/ImageTooBlurry/ImagingService": "tamper",
}


class _Camera(ONVIFCamera):  # type: ignore[misc]
    """The library's camera, with the device service where discovery found it instead of at a fixed path."""

    def __init__(self, address: OnvifAddress) -> None:
        parts = urlsplit(address.url)
        super().__init__(parts.hostname or "", parts.port or 80, address.username, address.password, adjust_time=True)
        self._device_url = address.url

    def get_definition(self, name: str, port_type: str | None = None) -> tuple[str, str, str]:
        """The library's definition, with the real address of the device service."""
        url, wsdl, binding = super().get_definition(name, port_type)
        return (self._device_url if name == "devicemgmt" else url), wsdl, binding


class OnvifDevice:
    """One device; use it as `async with OnvifDevice(address) as device`. Every call raises OnvifUnavailable within about `timeout_s`."""

    def __init__(self, address: OnvifAddress, timeout_s: float = 5.0) -> None:
        if "@" in urlsplit(address.url).netloc:
            raise ValueError("onvif_url: credentials belong in username and password, never in the address")
        self._address, self._timeout_s = address, timeout_s
        self._camera: Any = None
        self._ready = False

    async def __aenter__(self) -> OnvifDevice:
        self._camera = _Camera(self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            await self._camera.close()

    async def _ask(self, call: Awaitable[Answer], timeout_s: float | None = None) -> Answer:
        """Waits for the answer. What went wrong is told in one word: the library's errors quote requests, and those hold the password's digest."""
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await call
        except (
            ONVIFError,
            zeep.exceptions.Error,
            aiohttp.ClientError,
            OSError,
            TimeoutError,
            AttributeError,
            ValueError,
        ) as error:
            reason = _reason(error)
        raise OnvifUnavailable(reason)

    async def _prepare(self) -> None:
        if not self._ready:
            await self._ask(self._camera.update_xaddrs())
            self._ready = True

    async def clock(self) -> Drift:
        """How far the camera's clock is off (GetSystemDateAndTime; ONVIF lets anybody ask it)."""
        service = await self._ask(self._camera.create_devicemgmt_service())
        asked = datetime.now(UTC)
        answer = await self._ask(service.authless_GetSystemDateAndTime())
        answered = datetime.now(UTC)
        date, clock = answer.UTCDateTime.Date, answer.UTCDateTime.Time
        # Some cameras say 60 in a leap second, or 24 at midnight: added up instead of taken at their word.
        midnight = datetime(date.Year, date.Month, date.Day, tzinfo=UTC)
        return measure(
            midnight + timedelta(hours=clock.Hour, minutes=clock.Minute, seconds=clock.Second), asked, answered
        )

    async def information(self) -> DeviceInformation:
        """Manufacturer, model, firmware, serial number."""
        await self._prepare()
        service = await self._ask(self._camera.create_devicemgmt_service())
        said = await self._ask(service.GetDeviceInformation())
        return DeviceInformation(
            said.Manufacturer or "", said.Model or "", said.FirmwareVersion or "", said.SerialNumber or ""
        )

    async def streams(self) -> list[OfferedStream]:
        """The streams that the device offers, largest first."""
        await self._prepare()
        media = await self._ask(self._camera.create_media_service())
        offered = []
        for profile in await self._ask(media.GetProfiles()):
            uri = await self._ask(media.GetStreamUri({"StreamSetup": RTSP_SETUP, "ProfileToken": profile.token}))
            offered.append(_offered(profile, uri.Uri))
        return sorted(offered, key=lambda s: -(s.width or 0))

    async def subscribe(self, ask_s: float = 60.0) -> PullPoint:
        """A pull-point for the device's events. Raises OnvifUnavailable("unsupported") when it has none."""
        await self._prepare()
        if not any("events" in namespace for namespace in self._camera.xaddrs):
            raise OnvifUnavailable("unsupported")
        events = await self._ask(self._camera.create_events_service())
        made = await self._ask(events.CreatePullPointSubscription({"InitialTerminationTime": f"PT{int(ask_s)}S"}))
        self._camera.xaddrs[PULLPOINT] = made.SubscriptionReference.Address._value_1
        pull = await self._ask(self._camera.create_pullpoint_service())
        manage = await self._ask(self._camera.create_subscription_service("PullPointSubscription"))
        return PullPoint(self, pull, manage, ask_s, _granted_s(made, ask_s))


class PullPoint:
    """One living subscription; `granted_s` is how long it lasts without renewal."""

    def __init__(self, device: OnvifDevice, pull: Any, manage: Any, ask_s: float, granted_s: float) -> None:
        self._device, self._pull, self._manage, self._ask_s = device, pull, manage, ask_s
        self.granted_s = granted_s

    async def events(self, wait_s: float = 10.0) -> list[OnvifEvent]:
        """The events since the last call; waits up to `wait_s` at the camera for the first one."""
        request = {"Timeout": timedelta(seconds=wait_s), "MessageLimit": 100}
        answer = await self._device._ask(self._pull.PullMessages(request), wait_s + self._device._timeout_s)
        return [event for message in answer.NotificationMessage or [] if (event := read_event(message)) is not None]

    async def renew(self) -> float:
        """Renews; returns the seconds granted."""
        answer = await self._device._ask(self._manage.Renew(f"PT{int(self._ask_s)}S"))
        self.granted_s = _granted_s(answer, self._ask_s)
        return self.granted_s

    async def close(self) -> None:
        """Ends the subscription; a camera that is gone forgets it by itself."""
        with contextlib.suppress(OnvifUnavailable):
            await self._device._ask(self._manage.Unsubscribe())


def read_event(message: Any) -> OnvifEvent | None:
    """Our event of a camera's notification; None for topics and payloads that are none of ours."""
    topic = str(getattr(message.Topic, "_value_1", "") or "")
    path = "/".join(part.split(":")[-1] for part in topic.split("/"))
    kind = KINDS.get(path)
    body = getattr(message.Message, "_value_1", None)
    if kind is None or body is None:
        return None
    values, stamp = _contents(body)
    truths = [value.lower() in ("true", "1") for value in values if value.lower() in ("true", "false", "1", "0")]
    if not truths:
        return None
    if stamp is not None and stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    return OnvifEvent(kind, truths[0], stamp, topic)


def _contents(body: Any) -> tuple[list[str], datetime | None]:
    """The values of the data items and the camera's time: zeep gives an object where it knows the schema, and an XML element where not."""
    if hasattr(body, "iter"):
        values = [item.get("Value") for item in body.iter("{*}SimpleItem") if item.getparent().tag.endswith("}Data")]
        stamp: datetime | None = None
        with contextlib.suppress(ValueError, TypeError):
            stamp = datetime.fromisoformat(body.get("UtcTime"))
    else:
        values = [item.Value for item in getattr(getattr(body, "Data", None), "SimpleItem", None) or []]
        stamp = getattr(body, "UtcTime", None)
    return [str(value) for value in values if value is not None], stamp


def _offered(profile: Any, uri: str) -> OfferedStream:
    video = profile.VideoEncoderConfiguration
    size = video.Resolution if video is not None else None
    rate = video.RateControl.FrameRateLimit if video is not None and video.RateControl is not None else None
    parts = urlsplit(uri)
    clean = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    codec = str(video.Encoding).lower() if video is not None and video.Encoding else None
    return OfferedStream(
        profile.token, clean, codec, size and size.Width, size and size.Height, float(rate) if rate else None
    )


def _granted_s(answer: Any, asked_s: float) -> float:
    """TerminationTime minus the device's own CurrentTime; its clock may be wrong, so ours is not asked."""
    with contextlib.suppress(AttributeError, TypeError):
        seconds = float((answer.TerminationTime - answer.CurrentTime).total_seconds())
        if seconds > 0:
            return seconds
    return asked_s


def _reason(error: BaseException) -> str:
    text = str(error).lower()
    if isinstance(error, TimeoutError) or "timed out" in text or "timeout" in text:
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError) or "connect call failed" in text or "cannot connect" in text:
        return "refused"
    if "notauthorized" in text or "not authorized" in text or "unauthorized" in text or "401" in text:
        return "wrong_password"
    if (
        "actionnotsupported" in text
        or "not supported" in text
        or "not implemented" in text
        or "doesn`t support" in text
    ):
        return "unsupported"
    return "no_answer"


@contextlib.asynccontextmanager
async def connected(address: OnvifAddress, timeout_s: float = 5.0) -> AsyncIterator[OnvifDevice]:
    """A device for the length of a block."""
    async with OnvifDevice(address, timeout_s) as device:
        yield device
