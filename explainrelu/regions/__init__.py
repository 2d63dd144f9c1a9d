"""Linear regions: where the network is one affine formula."""
