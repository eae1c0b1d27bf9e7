"""What makes an installation run by itself: a first configuration, crontab lines, systemd units."""
