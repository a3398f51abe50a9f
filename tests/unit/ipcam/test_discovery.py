"""Cameras that answer WS-Discovery, and neighbours who answer nonsense."""

import re
import socket
import threading

from ipcam.discovery import Found, discover, read_answer

ANSWER = """<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:RelatesTo>{message}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches>
<d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:{number}</a:Address></a:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>
<d:Scopes>onvif://www.onvif.org/name/C%E1%BB%95ng%20{number} onvif://www.onvif.org/hardware/X1</d:Scopes>
<d:XAddrs>http://10.0.0.{number}/onvif/device_service http://u:p@evil/ file:///etc/passwd</d:XAddrs></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


def test_each_camera_is_found_once_with_its_usable_addresses() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as network:
        network.bind(("127.0.0.1", 0))

        def answer() -> None:
            question, asker = network.recvfrom(65507)
            message = re.search(rb"MessageID>([^<]+)<", question)[1].decode()
            for number in (7, 8, 7):
                network.sendto(ANSWER.format(message=message, number=number).encode(), asker)
            network.sendto(b"rubbish", asker)
            network.sendto(ANSWER.format(message="uuid:another-question", number=9).encode(), asker)

        thread = threading.Thread(target=answer)
        thread.start()
        found = discover(0.5, network.getsockname())
        thread.join()
    assert found == [
        Found("urn:uuid:7", ("http://10.0.0.7/onvif/device_service",), "Cổng 7", "X1"),
        Found("urn:uuid:8", ("http://10.0.0.8/onvif/device_service",), "Cổng 8", "X1"),
    ]


def test_an_answer_with_a_document_type_is_ignored() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + ANSWER.format(message="m", number=1).partition("?>")[2]
    assert list(read_answer(bomb.encode(), "m")) == []
