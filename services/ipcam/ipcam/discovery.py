"""Finds ONVIF cameras on the local network by WS-Discovery (one multicast question, answers for a few seconds)."""

from __future__ import annotations

import re
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from lxml import etree

GROUP = ("239.255.255.250", 3702)
LARGEST_ANSWER = 65_507
QUESTION = """<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">
<e:Header><w:MessageID>{message}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>
<e:Body><d:Probe><d:Types>dn:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"""


@dataclass(frozen=True)
class Found:
    """A device that answered: its ONVIF addresses (http only), its unique id, and what it says of itself."""

    endpoint: str
    addresses: tuple[str, ...]
    name: str | None
    hardware: str | None


def discover(wait_s: float = 3.0, group: tuple[str, int] = GROUP, interface: str | None = None) -> list[Found]:
    """The devices that answer within `wait_s`; `interface` is our own IP address on the cameras' network."""
    message = f"uuid:{uuid.uuid4()}"
    found: dict[str, Found] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        if interface:
            asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
            asker.bind((interface, 0))
        asker.sendto(QUESTION.format(message=message).encode(), group)
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            asker.settimeout(left)
            try:
                data = asker.recv(LARGEST_ANSWER)
            except TimeoutError:
                break
            for device in read_answer(data, message):
                found[device.endpoint] = device
    return sorted(found.values(), key=lambda device: device.addresses)


def read_answer(data: bytes, message: str) -> Iterator[Found]:
    """The devices in an answer to our question; anybody on the network can answer anything, so nothing in it is trusted."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return
    if root.getroottree().docinfo.doctype or _text(root, "RelatesTo") != message:
        return
    for match in root.iter("{*}ProbeMatch"):
        addresses = tuple(url for url in (_text(match, "XAddrs") or "").split() if _usable(url))
        endpoint = _text(match, "Address")
        if addresses and endpoint:
            scopes = (_text(match, "Scopes") or "").split()
            yield Found(endpoint, addresses, _scope(scopes, "name"), _scope(scopes, "hardware"))


def _text(node: etree._Element, name: str) -> str | None:
    for found in node.iter("{*}" + name):
        return (found.text or "").strip()
    return None


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        return False


def _scope(scopes: list[str], kind: str) -> str | None:
    for scope in scopes:
        found = re.fullmatch(rf"onvif://www\.onvif\.org/{kind}/(.+)", scope)
        if found:
            return unquote(found[1])
    return None
