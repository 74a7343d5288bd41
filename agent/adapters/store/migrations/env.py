"""What Alembic runs to upgrade: all pending migrations in the one transaction of the connection it was handed."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,  # SQLite can, once its driver no longer opens and ends transactions by itself
    render_as_batch=True,
)
context.run_migrations()
