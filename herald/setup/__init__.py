"""What `herald install` puts in place: the unit of systemd's user manager."""
