// Browsers start no worker for a page that was opened from a folder (file://). There, the search
// of the site runs in a hidden frame, which takes and sends messages as a worker does.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.target = new Promise((resolve) => {
        document.body.append(frame);
        const inside = frame.contentWindow;
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        const script = frame.contentDocument.createElement("script");
        script.src = url;
        script.onload = () => resolve(inside);
        frame.contentDocument.body.append(script);
      });
    }

    async postMessage(data) {
      (await this.target).dispatchEvent(new MessageEvent("message", { data }));
    }
  };
}
