//! SQLite store: migrations, keys, replay table.
