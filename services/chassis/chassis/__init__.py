"""The chassis: what every service shares, and no business noun: events, outbox, inbox, worker, web, audit, logs."""
