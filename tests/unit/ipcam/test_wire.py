"""What packets alone tell of a camera."""

from ipcam.domain.health import Status
from ipcam.domain.wire import WireMeter, judge


def streaming(
    seconds: float, fps: float = 10.0, declared: float = 10.0, start: float = 100.0, meter: WireMeter | None = None
) -> tuple[WireMeter, float]:
    if meter is None:
        meter = WireMeter()
        meter.connected(start, "h264", declared, 640, 360)
    count = int(seconds * fps)
    for index in range(count):
        at = start + (index + 1) / fps
        meter.video(at, 4000, index % 20 == 0, at)
    return meter, start + count / fps


def seen(meter: WireMeter, at: float) -> tuple[Status, str | None]:
    sighting = judge(meter.reading(at), at)
    return sighting.status, sighting.reason


def test_a_good_stream_is_measured_by_arrival() -> None:
    meter, now = streaming(15)
    reading = meter.reading(now)
    assert (round(reading.fps), round(reading.bitrate_bps), round(reading.key_interval_s or 0)) == (10, 320_000, 2)
    assert seen(meter, now) == (Status.ONLINE, None)


def test_a_camera_that_declares_25_and_sends_10_is_degraded_unless_that_is_its_usual_rate() -> None:
    meter, now = streaming(15, fps=10, declared=25)
    assert seen(meter, now) == (Status.DEGRADED, "low_frame_rate")
    assert judge(meter.reading(now), now, usual_fps=10).status is Status.ONLINE


def test_silence_is_offline_since_the_last_picture_even_while_connected() -> None:
    meter, now = streaming(15)
    sighting = judge(meter.reading(now + 7), now + 7)
    assert (sighting.status, sighting.reason, sighting.ago.total_seconds()) == (Status.OFFLINE, "stalled", 7)


def test_sound_without_picture_is_not_alive() -> None:
    meter, now = streaming(15)
    for step in range(8):
        meter.audio(now + step)
    assert seen(meter, now + 7) == (Status.OFFLINE, "audio_only")


def test_time_that_goes_back_is_counted_and_shown_for_a_minute() -> None:
    meter, now = streaming(5)
    meter.video(now + 0.1, 4000, False, now - 3)
    streaming(12, start=now + 0.2, meter=meter)
    assert meter.times_back == 1
    assert seen(meter, now + 12) == (Status.DEGRADED, "time_goes_back")
    streaming(60, start=now + 13, meter=meter)
    assert seen(meter, now + 73) == (Status.ONLINE, None)


def test_a_gap_is_counted_and_forgotten_when_it_has_left_the_window() -> None:
    meter, now = streaming(15)
    streaming(5, start=now + 3, meter=meter)
    assert meter.reading(now + 8).gaps == 1
    assert judge(meter.reading(now + 8), now + 8, usual_fps=5).reason == "gaps"
    streaming(12, start=now + 8, meter=meter)
    assert seen(meter, now + 20) == (Status.ONLINE, None)


def test_a_pause_between_two_connections_is_no_gap() -> None:
    meter, now = streaming(15)
    meter.lost(now, "closed")
    meter.connected(now + 5, "h264", 10.0, 640, 360)
    streaming(10, start=now + 5, meter=meter)
    assert meter.gaps == 0


def test_another_codec_after_a_reconnect_is_told_until_somebody_accepts_it() -> None:
    meter, now = streaming(15)
    meter.lost(now, "closed")
    meter.connected(now + 1, "h265", 10.0, 640, 360)
    streaming(10, start=now + 1, meter=meter)
    assert seen(meter, now + 11) == (Status.DEGRADED, "codec_changed")
    meter.accept_codec()
    assert seen(meter, now + 11) == (Status.ONLINE, None)


def test_a_failed_connection_keeps_its_first_failure_and_its_latest_reason() -> None:
    meter = WireMeter()
    meter.lost(100, "refused")
    meter.lost(105, "wrong_password")
    sighting = judge(meter.reading(110), 110)
    assert (sighting.reason, sighting.ago.total_seconds()) == ("wrong_password", 10)


def test_key_frames_that_stay_away_are_told() -> None:
    meter, now = streaming(15)
    for step in range(200):
        meter.video(now + step / 10, 4000, False, now + step / 10)
    assert seen(meter, now + 20) == (Status.DEGRADED, "rare_key_frames")
