"""The pages of the console, a file a noun. Each has ``routes(site)``; `mainspring.web.console` lists them."""
