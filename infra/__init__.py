"""What runs the platform: local stack, pinned requirements, simulators."""
