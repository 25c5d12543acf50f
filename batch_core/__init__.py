"""The thin core over azure-batch and azure-storage-blob: no page, no chart."""
