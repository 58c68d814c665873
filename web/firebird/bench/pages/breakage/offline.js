// Answers one address that the server does not know.
'use strict';

oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
onfetch = (event) => {
  if (event.request.url.endsWith('/not-on-the-server')) event.respondWith(new Response('kept'));
};
