"""Simulated RTSP/ONVIF cameras: generated video served by Debian's gst-rtsp-server, with faults on command."""
