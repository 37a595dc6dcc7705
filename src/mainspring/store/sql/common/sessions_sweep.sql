-- Forget what has long been over.
delete from mainspring.sessions where expires_at < {NOW} or idle_at < {NOW};

delete from mainspring.links where expires_at < :long_ago
