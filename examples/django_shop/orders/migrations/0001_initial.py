"""The first table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Makes the table of the orders."""

    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("customer", models.CharField(max_length=100)),
                ("is_confirmed", models.BooleanField(default=False)),
            ],
        ),
    ]
