"""Two routes: place an order, and look at what became of its confirmation."""

from django.urls import path
from orders import views

urlpatterns = [
    path("orders", views.place),
    path("confirmations/<str:result_id>", views.confirmation),
]
