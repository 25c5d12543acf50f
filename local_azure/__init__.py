"""An Azure account on this computer: Azurite for storage, and a Batch service that runs tasks."""
