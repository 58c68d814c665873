// Counts who connects.
'use strict';

let count = 0;
onconnect = ({ ports: [port] }) => port.postMessage(++count);
