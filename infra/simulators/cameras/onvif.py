"""The cameras' ONVIF side: recorded answers of a device, media and event service, with the camera's own clock and password."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

SKEW_S = 95
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl" '
    'xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" '
    'xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:wsa="http://www.w3.org/2005/08/addressing" '
    'xmlns:tns1="http://www.onvif.org/ver10/topics" xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{}</s:Body></s:Envelope>'
)
SERVICES = {
    "device_service": "http://www.onvif.org/ver10/device/wsdl",
    "media_service": "http://www.onvif.org/ver10/media/wsdl",
    "events_service": "http://www.onvif.org/ver10/events/wsdl",
}
SIZES = {"main": (1280, 720, 12), "sub": (640, 360, 10)}

TAMPERED, TAMPERING = "RuleEngine/TamperDetector/Tamper", ("cover", "turn", "black")


class Onvif:
    """Answers SOAP requests for every camera; `notify` puts an event into the open subscriptions of one."""

    def __init__(self, rtsp: str, events: bool = True, grant_s: float = 20.0) -> None:
        self._rtsp, self._events, self._grant_s = rtsp, events, grant_s
        self._queues: dict[str, list[str]] = {}
        self.subscriptions: Counter[str] = Counter()  # how often somebody began to listen to a camera
        self._new = threading.Condition()
        self.counts: dict[str, int] = {}

    def answer(self, camera: Any, service: str, body: bytes, host: str) -> tuple[int, str]:
        """(status, SOAP envelope) for one request."""
        text = body.decode("utf-8", "replace")
        found = re.search(r"<(?:[\w-]+:)?Body[^>]*>\s*<(?:[\w-]+:)?(\w+)", text)
        action = found[1] if found else ""
        self.counts[action] = self.counts.get(action, 0) + 1
        if action != "GetSystemDateAndTime" and camera.password and not _authorised(text, camera):
            return 400, _fault("s:Sender", "ter:NotAuthorized", "Sender not Authorized")
        method = getattr(self, f"_{action}", None)
        if method is None or (service == "events_service" and not self._events):
            return 500, _fault("s:Receiver", "ter:ActionNotSupported", "Optional Action Not Implemented")
        if action in ("PullMessages", "Renew") and camera.id not in self._queues:  # made before this camera restarted
            return 500, _fault("s:Sender", "wsrf-rw:ResourceUnknownFault", "No such subscription")
        return 200, ENVELOPE.format(method(camera, text, f"http://{host}/onvif/{camera.id}"))

    def notify(self, camera_id: str, topic: str, name: str, value: bool) -> None:
        """The camera notices something."""
        message = _notification(topic, name, value, "Changed")
        with self._new:
            if camera_id in self._queues:
                self._queues[camera_id].append(message)
                self._new.notify_all()

    def _GetSystemDateAndTime(self, camera: Any, text: str, base: str) -> str:
        now = datetime.now(UTC) + timedelta(seconds=SKEW_S if camera.fault == "skew" else 0)
        return (
            "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false"
            f"</tt:DaylightSavings><tt:UTCDateTime><tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}"
            f"</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
            "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _GetDeviceInformation(self, camera: Any, text: str, base: str) -> str:
        return (
            "<tds:GetDeviceInformationResponse><tds:Manufacturer>IOC</tds:Manufacturer><tds:Model>Simulated</tds:Model>"
            f"<tds:FirmwareVersion>1.0</tds:FirmwareVersion><tds:SerialNumber>{camera.id}</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
            "</tds:GetDeviceInformationResponse>"
        )

    def _GetServices(self, camera: Any, text: str, base: str) -> str:
        listed = "".join(
            f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{base}/{name}</tds:XAddr><tds:Version><tt:Major>2</tt:Major>"
            "<tt:Minor>60</tt:Minor></tds:Version></tds:Service>"
            for name, namespace in SERVICES.items()
            if self._events or name != "events_service"
        )
        return f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>"

    def _GetProfiles(self, camera: Any, text: str, base: str) -> str:
        listed = "".join(
            f'<trt:Profiles token="{name}" fixed="true"><tt:Name>{name}</tt:Name><tt:VideoEncoderConfiguration token="v{name}"><tt:Name>{name}</tt:Name>'
            f"<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
            f"</tt:Resolution><tt:Quality>5</tt:Quality><tt:RateControl><tt:FrameRateLimit>{fps}</tt:FrameRateLimit><tt:EncodingInterval>1"
            "</tt:EncodingInterval><tt:BitrateLimit>1500</tt:BitrateLimit></tt:RateControl><tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type>"
            "<tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address><tt:Port>0</tt:Port><tt:TTL>0</tt:TTL><tt:AutoStart>false</tt:AutoStart>"
            "</tt:Multicast><tt:SessionTimeout>PT60S</tt:SessionTimeout></tt:VideoEncoderConfiguration></trt:Profiles>"
            for name, (width, height, fps) in SIZES.items()
        )
        return f"<trt:GetProfilesResponse>{listed}</trt:GetProfilesResponse>"

    def _GetStreamUri(self, camera: Any, text: str, base: str) -> str:
        token = re.search(r"ProfileToken>\s*(\w+)", text)
        # As some cameras do, the answer repeats the credentials: whoever reads it must strip them.
        uri = (
            self._rtsp.replace("rtsp://", f"rtsp://{camera.id}:leaked@")
            + f"/{camera.id}/{token[1] if token else 'main'}"
        )
        return (
            f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
            "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
        )

    def _CreatePullPointSubscription(self, camera: Any, text: str, base: str) -> str:
        with self._new:
            # ONVIF Core: a new subscription is first told how things stand.
            self._queues[camera.id] = [_notification(TAMPERED, "IsTamper", camera.fault in TAMPERING, "Initialized")]
            self.subscriptions[camera.id] += 1
        now = datetime.now(UTC)
        return (
            f"<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>{base}/events_service</wsa:Address>"
            f"</tev:SubscriptionReference><wsnt:CurrentTime>{_iso(now)}</wsnt:CurrentTime><wsnt:TerminationTime>"
            f"{_iso(now + timedelta(seconds=self._grant_s))}</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>"
        )

    def _PullMessages(self, camera: Any, text: str, base: str) -> str:
        asked = re.search(r"Timeout>\s*PT?(?:(\d+)M)?(?:([\d.]+)S)?", text)
        wait_s = min(10.0, 60 * float(asked[1] or 0) + float(asked[2] or 0)) if asked else 1.0
        until = time.monotonic() + wait_s
        with self._new:
            while not self._queues.get(camera.id) and time.monotonic() < until:
                self._new.wait(until - time.monotonic())
            messages = self._queues.get(camera.id) or []
            if messages:
                self._queues[camera.id] = []
        now = datetime.now(UTC)
        return (
            f"<tev:PullMessagesResponse><tev:CurrentTime>{_iso(now)}</tev:CurrentTime><tev:TerminationTime>"
            f"{_iso(now + timedelta(seconds=self._grant_s))}</tev:TerminationTime>{''.join(messages)}</tev:PullMessagesResponse>"
        )

    def _Renew(self, camera: Any, text: str, base: str) -> str:
        now = datetime.now(UTC)
        return (
            f"<wsnt:RenewResponse><wsnt:TerminationTime>{_iso(now + timedelta(seconds=self._grant_s))}</wsnt:TerminationTime>"
            f"<wsnt:CurrentTime>{_iso(now)}</wsnt:CurrentTime></wsnt:RenewResponse>"
        )

    def _Unsubscribe(self, camera: Any, text: str, base: str) -> str:
        with self._new:
            self._queues.pop(camera.id, None)
        return "<wsnt:UnsubscribeResponse/>"


def _authorised(text: str, camera: Any) -> bool:
    """WS-UsernameToken: digest = base64(sha1(nonce + created + password))."""
    user, password = re.search(r"Username>([^<]*)<", text), re.search(r"Password[^>]*>([^<]*)<", text)
    nonce, created = re.search(r"Nonce[^>]*>([^<]*)<", text), re.search(r"Created[^>]*>([^<]*)<", text)
    if not (user and password and nonce and created) or user[1] != camera.id or camera.fault == "wrong-password":
        return False
    digest = hashlib.sha1(base64.b64decode(nonce[1]) + created[1].encode() + camera.password.encode()).digest()
    return base64.b64encode(digest).decode() == password[1]


def _fault(code: str, subcode: str, reason: str) -> str:
    return ENVELOPE.format(
        f'<s:Fault><s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">'
        f"{reason}</s:Text></s:Reason></s:Fault>"
    )


def _notification(topic: str, name: str, value: bool, operation: str) -> str:
    stamp = _iso(datetime.now(UTC))
    return (
        f'<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:{topic}</wsnt:Topic>'
        f'<wsnt:Message><tt:Message UtcTime="{stamp}" PropertyOperation="{operation}"><tt:Source><tt:SimpleItem Name="Source" Value="0"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="{name}" Value="{str(value).lower()}"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>'
    )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
