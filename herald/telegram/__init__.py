"""The rooms that know Telegram. Importing any of them imports aiogram the lean way first."""

from herald.telegram import lean  # noqa: F401
