"""The faults that can be commanded, by what they break: the picture, the wire or the camera's own clock."""

from __future__ import annotations

PICTURE = ("black", "freeze", "cover", "blur", "turn", "overexpose", "low-contrast", "noise")
WIRE = {
    "drop": "open connections are cut and new ones get 503 and a closed connection",
    "stall": "no more video; the connection stays open and RTCP goes on",
    "half-open": "the camera hears nothing and says nothing, and the TCP connection is never closed",
    "audio-only": "video stops while audio goes on",
    "slow": "a third of the frame rate that is declared",
    "back": "every few seconds the timestamps jump back",
    "wrong-password": "the camera's password is changed and its connections are cut",
}
CLOCK = {"skew": "the camera's own clock (ONVIF) is 95 seconds ahead"}
ALL = (*PICTURE, *WIRE, *CLOCK)
