// The smallest tracker: a page_view for each page, and analytics(name, fields) for what else happens.
//   <script async src="/analytics.js" data-key="ik_..."></script>
(function () {
    'use strict';
    var script = document.currentScript;
    var key = script.getAttribute('data-key') || '';
    var endpoint = script.getAttribute('data-endpoint') || new URL('/api/ingest', script.src).href;
    if (navigator.doNotTrack === '1' || navigator.globalPrivacyControl) return;
    function send(name, fields) {
        var event = Object.assign({ event: name, event_id: crypto.randomUUID(), timestamp: new Date().toISOString() }, fields);
        navigator.sendBeacon(endpoint + '?key=' + encodeURIComponent(key), JSON.stringify(event));
    }
    var queue = (window.analytics && window.analytics.q) || [];
    window.analytics = send;
    queue.forEach(function (call) { send.apply(null, call); });
    send('page_view', { properties: { path: location.pathname, title: document.title } });
})();
