"""Parts of the built-in writer's catalogues that domains share: loading, post-processing, rendering."""
