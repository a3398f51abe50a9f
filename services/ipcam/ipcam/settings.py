"""The environment of ipcam beyond the chassis'."""

from __future__ import annotations

import dataclasses

from chassis.settings import variable


@dataclasses.dataclass(frozen=True)
class CredentialSettings:
    """The key that camera passwords are encrypted with at rest."""

    key: str = variable("CAMERA_CREDENTIALS_KEY", "Fernet key: 32 bytes in URL-safe base64", secret=True)


@dataclasses.dataclass(frozen=True)
class ProbingSettings:
    """How a camera is asked once: before it is saved, and for a picture on demand."""

    timeout_s: float = variable("PROBE_TIMEOUT_S", "longest wait for a camera", 6.0)
    at_once: int = variable("PROBES_AT_ONCE", "cameras that one web process asks at the same time", 4)


@dataclasses.dataclass(frozen=True)
class WatchingSettings:
    """How cameras are shared among watchers, and how much CPU a watcher may spend on looking at pictures."""

    lease_s: float = variable("LEASE_S", "how long a camera stays with a watcher that says nothing", 15.0)
    renew_every_s: float = variable("LEASE_RENEW_S", "seconds between two renewals", 5.0)
    capacity: int = variable("WATCHER_CAPACITY", "most cameras that one watcher takes; 0: no limit", 0)
    picture_every_s: float = variable("PICTURE_EVERY_S", "seconds between two looks at a camera's picture", 10.0)
    picture_cores: float = variable("PICTURE_CORES", "share of a core that looking at pictures may take", 0.5)
    motion_cores: float = variable("MOTION_CORES", "share of a core that following motion may take", 0.5)
    person_every_s: float = variable("PERSON_EVERY_S", "seconds between two looks for people in forbidden areas", 2.0)
    person_cores: float = variable("PERSON_CORES", "share of a core that looking for people may take", 0.25)
    person_quiet_s: float = variable(
        "PERSON_QUIET_S", "seconds without anybody after which a forbidden area is empty", 20.0
    )
    silent_s: float = variable("SILENT_S", "seconds without a packet after which a camera has stopped sending", 6.0)
    offline_after_s: float = variable("OFFLINE_AFTER_S", "seconds without a picture until a camera is offline", 10.0)
    degraded_after_s: float = variable("DEGRADED_AFTER_S", "seconds of a bad stream until a camera is degraded", 20.0)
    recovered_after_s: float = variable(
        "RECOVERED_AFTER_S", "seconds of a good stream until a camera is well again", 10.0
    )
    refused_wait_s: float = variable(
        "REFUSED_WAIT_S", "longest wait after a refused password; cameras lock accounts", 20.0
    )
    retry_most_s: float = variable("RETRY_MOST_S", "longest wait before a camera is tried again", 20.0)
    wire_every_s: float = variable("WIRE_EVERY_S", "seconds between two records of what the wire looks like", 10.0)
    onvif: bool = variable("WATCH_ONVIF", "listen to cameras that have an ONVIF address", True)
    onvif_clock_s: float = variable("ONVIF_CLOCK_S", "seconds between two questions for a camera's time", 300.0)
    clip_before_s: float = variable("CLIP_BEFORE_S", "seconds of a clip before its event", 8.0)
    clip_after_s: float = variable("CLIP_AFTER_S", "seconds of a clip after its event", 8.0)
    clip_bytes: int = variable("CLIP_BYTES", "most memory for the past of one camera", 8 * 1024 * 1024)
    letter_every_s: float = variable("LETTER_EVERY_S", "least seconds between two letters to a site's operator", 60.0)
    letter_wait_s: float = variable("LETTER_WAIT_S", "seconds in which faults are gathered into one letter", 5.0)


@dataclasses.dataclass(frozen=True)
class PictureSettings:
    """Where pictures and clips lie: in a folder, or with an S3-compatible server where one is named."""

    folder: str = variable("CAMERA_FILES_FOLDER", "folder of the pictures; without it and S3_ENDPOINT none is kept", "")


@dataclasses.dataclass(frozen=True)
class RetentionSettings:
    """How long pictures and clips are kept (NĐ 13/2023, art. 3(7): only as long as they are needed)."""

    on_demand_days: float = variable("KEEP_ON_DEMAND_DAYS", "days for which a picture asked for is kept", 30.0)
    event_days: float = variable("KEEP_EVENT_DAYS", "days for which pictures and clips of an event are kept", 90.0)
    sweep_every_s: float = variable("SWEEP_EVERY_S", "seconds between two looks for what has expired", 60.0)


@dataclasses.dataclass(frozen=True)
class LiveSettings:
    """The living picture."""

    key: str = variable("LIVE_KEY", "key of the signed addresses: 32 random characters or more", secret=True)
    url: str = variable("LIVE_URL", "where browsers reach the live process, without a slash at the end", "")
    lasts_s: int = variable("LIVE_URL_S", "seconds for which a signed address is good", 300)
    idle_s: float = variable("LIVE_IDLE_S", "seconds without a viewer after which a camera is left alone", 15.0)
    most: int = variable("LIVE_MOST", "cameras that one process shows at the same time", 32)
