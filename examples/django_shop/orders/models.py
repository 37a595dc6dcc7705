"""What the shop keeps."""

from django.db import models


class Order(models.Model):
    """One order, confirmed by a task."""

    customer = models.CharField(max_length=100)
    is_confirmed = models.BooleanField(default=False)

    class Meta:
        """Django's place for what is said of a table."""

        app_label = "orders"
