/* Pictures that were not drawn: a camera's, and files. */

const CAMERA_WIDTH = 480; // as wide as a picture is looked at

/* Luminance of what a canvas can draw, at most so wide. */
function luminance(source, width, height, most = CAMERA_WIDTH) {
  const scale = Math.min(1, most / width);
  const [w, h] = [width, height].map(n => Math.max(1, Math.round(n * scale)));
  const context = new OffscreenCanvas(w, h).getContext("2d", {willReadFrequently: true});
  context.fillStyle = "#fff"; // what can be seen through lies on white
  context.fillRect(0, 0, w, h);
  context.drawImage(source, 0, 0, w, h);
  const {data} = context.getImageData(0, 0, w, h), light = picture(h, w);
  for (let i = 0; i < w * h; i++)
    light.data[i] = Math.round(0.299 * data[4 * i] + 0.587 * data[4 * i + 1]
      + 0.114 * data[4 * i + 2]);
  return light;
}

async function fromFile(file) {
  const bitmap = await createImageBitmap(file);
  return inked(luminance(bitmap, bitmap.width, bitmap.height));
}

class Camera {
  constructor(video) { this.video = video; }

  /* "" where it is on, else why not. */
  async start() {
    if (!isSecureContext || !navigator.mediaDevices?.getUserMedia)
      return "No camera here: browsers give one to pages from https, from this machine or from a "
        + "file. Drawing and pictures work.";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia(
        {video: {facingMode: "environment", width: {ideal: 640}}});
    } catch (error) {
      const why = {NotAllowedError: "it was not allowed", NotFoundError: "there is none",
                   NotReadableError: "something else uses it"}[error.name] ?? error.message;
      return `No camera: ${why}. Drawing and pictures work.`;
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    return "";
  }

  /* Ink, as it is just now; null while nothing has come. */
  frame() {
    const {videoWidth, videoHeight} = this.video;
    return videoWidth ? inked(luminance(this.video, videoWidth, videoHeight)) : null;
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.video.srcObject = null;
  }
}
