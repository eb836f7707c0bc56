// What the embedded engine runs: a greeting, a little work, and the guest call.
var routes = {};

function route(path, handler) {
    routes[path] = handler;
}

function hash(text) {
    var h = 5381;
    for (var i = 0; i < text.length; i++)
        h = (h * 33 + text.charCodeAt(i)) % 4294967296;
    return h;
}

route('/', function (request) { return 'index of ' + request; });
route('/hash', function (request) { return String(hash(request)); });

console.log('Hello from deno_varnish');

var total = 0;
for (var n = 0; n < 200; n++)
    total += hash(JSON.stringify({ request: n, path: n % 2 ? '/' : '/hash' }));

backend.set_get(function (request) {
    var handler = routes[request] || routes['/'];
    return handler(request) + ' #' + total;
});
