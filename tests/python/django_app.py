"""An ordinary Django project in one file, behind the middleware that the guide shows."""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import re_path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["who_asks.WhoAsks", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for a test",
)


def page(request):
    who = request.who
    shown = {"user": who["sub"], "roles": who["roles"], "session": who.get("sid_hash")}
    return JsonResponse(shown)


urlpatterns = [re_path("", page)]
application = get_asgi_application()
