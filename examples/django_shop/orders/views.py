"""Views as anybody would write them."""

from django.db import transaction
from django.http import HttpRequest, JsonResponse

from mainspring.django import get_app
from orders.models import Order
from orders.tasks import confirm

try:
    from django.tasks.exceptions import TaskResultDoesNotExist
except ImportError:
    from django_tasks.exceptions import TaskResultDoesNotExist


@transaction.atomic
def place(request: HttpRequest) -> JsonResponse:
    """Keep an order and have it confirmed: both, or neither."""
    order = Order.objects.create(customer=request.POST["customer"])
    result = confirm.enqueue(order.pk)
    if request.POST["customer"] == "nobody":
        raise ValueError("nobody orders nothing")
    return JsonResponse({"order": order.pk, "confirmation": result.id}, status=202)


def confirmation(request: HttpRequest, result_id: str) -> JsonResponse:
    """Tell how far a confirmation is."""
    try:
        result = confirm.get_result(result_id)
    except TaskResultDoesNotExist:
        return JsonResponse({"error": "there is no such confirmation"}, status=404)
    run = get_app().blocking.status(result_id)  # what Django's result does not know
    return JsonResponse({"status": result.status, "attempts": result.attempts, "queue": run.queue})
