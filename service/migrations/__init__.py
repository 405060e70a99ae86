"""The history of the tables: one revision per change, run by Alembic in one transaction.

The tables of the durable engine are not here; it brings them up to date by itself.

A change of a model in ``service/**/tables.py`` is a revision of its own::

    make revision m="what it does"

drafts it into ``versions/`` from what the models have and the revisions lack. Read the draft: a new
column that is NOT NULL needs a ``server_default``, also in the model, because rows are there
already and because the release before must go on running on the new tables during a deploy.
"""
