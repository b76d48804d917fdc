/* An ECG amplifier, such as an AD8232, on an analogue pin: 250 samples a second as edge frames. */
#include <edge_ecg.h>

const uint8_t ECG = A0, LO_PLUS = 10, LO_MINUS = 11; /* the amplifier's output, and its lead-off */
const int32_t CODES = 1024;                          /* of the converter: 1024, 4096... */
const int32_t REFERENCE_UV = 5000000;                /* its full scale: 5 V, 3.3 V... */
const int32_t GAIN = 1100;                           /* of the amplifier: the AD8232 board's */
const uint32_t PERIOD_US = 4000;

const char *const names[] = {"ECG"};
edge_stream stream;
uint32_t due;

bool ready(void *) { return true; }

bool sample(void *, edge_sample *out)
{
    int32_t code = analogRead(ECG);
    int32_t uv = (code - CODES / 2) * (REFERENCE_UV / CODES);
    bool off = digitalRead(LO_PLUS) || digitalRead(LO_MINUS);
    out->nanovolts[0] = (int32_t)((int64_t)uv * 1000 / GAIN);
    out->status[0] = off ? EDGE_LEAD_OFF : EDGE_LEAD_ON;
    if (code <= 0 || code >= CODES - 1) {
        out->status[0] |= EDGE_SATURATED;
    }
    return true;
}

const edge_front_end front_end = {ready, ready, ready, sample, NULL, 250000, 1, names};

void send(void *, const uint8_t *bytes, size_t n) { Serial.write(bytes, n); }

void setup()
{
    Serial.begin(115200);
    pinMode(LO_PLUS, INPUT);
    pinMode(LO_MINUS, INPUT);
    edge_stream_start(&stream, &front_end, send, NULL);
    due = micros();
}

void loop()
{
    if ((int32_t)(micros() - due) >= 0) {
        edge_stream_data_ready(&stream, due);
        due += PERIOD_US;
    }
    edge_stream_poll(&stream);
}
