/* An ADS1292R on SPI: two leads, 250 samples a second, as edge frames. */
#include <SPI.h>
#include <edge_ecg.h>

const uint8_t CS = 7, START_PIN = 5, RESET_PIN = 4, DRDY = 2; /* DRDY: a pin with interrupts */

const char *const names[] = {"I", "II"};
edge_stream stream;

void transfer(void *, const uint8_t *out, uint8_t *in, uint8_t n)
{
    SPI.beginTransaction(SPISettings(1000000, MSBFIRST, SPI_MODE1));
    digitalWrite(CS, LOW);
    for (uint8_t i = 0; i < n; i++) {
        in[i] = SPI.transfer(out[i]);
    }
    digitalWrite(CS, HIGH);
    SPI.endTransaction();
}

void wait_us(void *, uint32_t us)
{
    delay(us / 1000);
    delayMicroseconds(us % 1000);
}

void send(void *, const uint8_t *bytes, size_t n) { Serial.write(bytes, n); }

const ads1292r_bus bus = {transfer, wait_us, NULL};
ads1292r chip = {&bus, ADS1292R_VREF_2V42, 250, {6, 6}};
edge_front_end front_end;

void data_ready() { edge_stream_data_ready(&stream, micros()); }

void setup()
{
    Serial.begin(115200);
    pinMode(CS, OUTPUT);
    digitalWrite(CS, HIGH);
    pinMode(RESET_PIN, OUTPUT);
    digitalWrite(RESET_PIN, HIGH);
    pinMode(START_PIN, OUTPUT);
    digitalWrite(START_PIN, LOW); /* the START command is used instead */
    pinMode(DRDY, INPUT);
    SPI.begin();
    front_end = ads1292r_front_end(&chip, names);
    while (!edge_stream_start(&stream, &front_end, send, NULL)) {
        delay(1000); /* the chip does not answer: check the wires */
    }
    attachInterrupt(digitalPinToInterrupt(DRDY), data_ready, FALLING);
}

void loop()
{
    edge_stream_poll(&stream);
}
