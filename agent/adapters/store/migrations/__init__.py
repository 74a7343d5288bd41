"""Every step from one shape of the databases to the next. A migration that was released is never edited again."""
