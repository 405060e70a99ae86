"""Further tenants, straight into the tables: nothing over HTTP makes them yet."""

from __future__ import annotations

from dataclasses import dataclass

from service.database import CAPTURE_STEP, Database
from service.keys import create_key
from service.tables import Organization, Workflow


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organization with a workflow and a key."""

    organization_id: str
    workflow_id: str
    key: str

    @property
    def auth(self) -> dict[str, str]:
        return {"x-api-key": self.key}


def new_tenant(database: Database, name: str = "another") -> Tenant:
    """Make a tenant."""
    with database.write() as db:
        organization = Organization(name=name)
        db.add(organization)
        db.flush()
        workflow = Workflow(
            organization_id=organization.id,
            name=name,
            attempt_limit=3,
            auto_verify=True,
            steps=[CAPTURE_STEP],
        )
        db.add(workflow)
        tenant = (organization.id, workflow.id)
    key = create_key(database, name=name, organization_id=tenant[0])
    return Tenant(*tenant, key.text)
