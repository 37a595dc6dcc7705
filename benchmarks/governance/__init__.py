"""How well and how fast `mainspring check` reads code that it has never met: web applications, labels by hand, and figures."""
