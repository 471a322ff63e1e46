"""Policy decisions as a service: asked, remembered by sensitivity, invalidated, swept."""
