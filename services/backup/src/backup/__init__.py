"""Backups that count only after they were restored."""
