from byhand import svg


def test_a_picture_has_its_description_and_texts_are_escaped():
    drawn = svg.picture([svg.words(1, 2.5, "a < b", "t e", "loss")], 100, 50, 'says "a < b"')
    assert 'aria-label="says &quot;a &lt; b&quot;"' in drawn and "min-width:62px" in drawn
    assert '<text class="t e" x="1" y="2.5" style="fill:var(--bh-loss);stroke:none;">a &lt; b</text>' in drawn
    assert "says" in repr(drawn)


def test_a_negative_number_has_a_minus_and_a_word_keeps_its_hyphen():
    assert ">−0.25<" in svg.words(0, 0, "-0.25") and ">-a-b<" in svg.words(0, 0, "-a-b")
