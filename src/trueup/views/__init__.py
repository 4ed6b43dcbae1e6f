"""What people are shown, whatever the surface: values without markup, for pages and commands."""
